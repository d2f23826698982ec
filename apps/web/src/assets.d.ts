declare module "*.json?url" {
  const url: string;
  export default url;
}

declare module "*.safetensors?url" {
  const url: string;
  export default url;
}
